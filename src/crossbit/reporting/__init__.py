"""What people look at: plots, the page of a report, the explanation of a code, and the demo."""
