"""The day's list in the sidebar and the page shown while no visit is open."""
