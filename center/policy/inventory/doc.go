// Package inventory knows every passkey of every user of a tenant, whoever made it: its model, whether it is attested or
// synced, when it was made and last used, and which phone of ours holds it.
//
// It owns the inventory's rows, how far a reading of the tenant has come, who is to be asked, and the exports. A reading
// is a durable job that goes on where it was cut off; what one transaction did not keep is asked again. It reads the
// tenant and never writes it. Which models may be used, and what follows from that, is for the packages beside it; who is
// in the tenant is for package directory.
package inventory
