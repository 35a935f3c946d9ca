"""The style sheet of the page, light and dark."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #8884; }
th { text-align: left; font-weight: 600; white-space: nowrap; }
.pairs td { text-align: left; overflow-wrap: anywhere; white-space: normal; }
.good, .bad { padding: 0.5rem 0.8rem; border-left: 4px solid #009e73; background: #009e7318; }
.bad { border-color: #d55e00; background: #d55e0018; }
img { max-width: 100%; height: auto; }
"""
