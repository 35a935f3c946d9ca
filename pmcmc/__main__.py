"""`python -m pmcmc`: the demonstration."""

from pmcmc._demo import main

if __name__ == "__main__":
    main()
