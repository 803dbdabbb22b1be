// Package packages installs what `make packages` makes, the way administrators do, and takes it away again: the MSI under
// wine, with a service that starts, and the package for Debian in a root of its own. It owns no code of the product.
package packages
