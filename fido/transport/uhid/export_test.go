package uhid

// Create is [Open] at a node that is open already.
var Create = create
