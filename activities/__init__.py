"""What workflows have done for them: thin verbs over the domain's ports."""
