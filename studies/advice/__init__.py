"""The study of advice, second edition: does a second task pay, and what tells so beforehand? Its plan is ``plan.md``."""
