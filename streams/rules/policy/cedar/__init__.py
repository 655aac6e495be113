"""Reads Cedar policies and evaluates them: actions, the attributes that rules read, wording, questions."""
