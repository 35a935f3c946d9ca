"""A result as one page of HTML."""

from pmcmc._html.page import write as write
