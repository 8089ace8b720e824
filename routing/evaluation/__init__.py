"""How good a router is: quality against cost, on sets of graded prompts and of votes."""
