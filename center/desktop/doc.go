// Package desktop gives out the desktop client: the installer that lies in the packages folder, with a file beside it that
// says where the workstation belongs. It owns the install tokens in those files, and what an integration wants of its
// clients.
//
// It makes no installer, and does not enrol workstations: package device does, and asks here what a token is worth.
package desktop
