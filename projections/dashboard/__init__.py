"""Pages for people: rendered here, escaped by Jinja, refreshed when something changes. No build step, no outside address."""
