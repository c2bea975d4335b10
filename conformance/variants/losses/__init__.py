"""One file a component: what others ship, and what goes wrong."""
