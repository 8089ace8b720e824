"""How far a model's multiple-choice score can be trusted."""
