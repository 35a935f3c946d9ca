"""Check that a wheel and an sdist hold the package, its data, and nothing else at the top."""

import sys
import tarfile
import zipfile

wheel, sdist = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    in_wheel = archive.namelist()
with tarfile.open(sdist) as archive:
    in_sdist = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]

tops = {name.split("/")[0] for name in in_wheel}
assert {top for top in tops if not top.endswith(".dist-info")} == {"pmcmc"}, tops
for names in (in_wheel, in_sdist):
    for needed in (
        "pmcmc/py.typed",
        "pmcmc/targets/data/README.md",
        "pmcmc/targets/data/breast_cancer_wisconsin.csv",
        "pmcmc/targets/data/german_credit_reference.csv",
    ):
        assert needed in names, f"{needed} is missing"
    links = [name for name in names if name.split("/")[0] in ("kernels", "targets")]
    assert not links, links
assert not any(name.startswith("tests") for name in in_wheel)
print(f"wheel: {len(in_wheel)} files, sdist: {len(in_sdist)} files, as they should be")
