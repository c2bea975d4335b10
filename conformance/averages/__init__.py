"""One file a component: the strategy first, then one property a clause."""
