"""Reporting: plots, the HTML report, the explanation of a code, and the demo."""
