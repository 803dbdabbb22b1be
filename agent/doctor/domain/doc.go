// Package domain judges the side of an Active Directory domain: what its controllers, Entra Kerberos and its accounts need so
// that people sign in to hybrid joined machines with a security key.
//
// An agent has no rights there. So an administrator of the domain runs [Script], which changes nothing and writes one file;
// [Parse] reads the file, on any machine, and [Judge] says what is wrong. The workstation's own side is package doctor's.
package domain
