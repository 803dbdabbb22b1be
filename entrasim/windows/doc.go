// Package windows stands in the part of Windows when somebody signs in to a computer with a FIDO2 security key: the credential
// provider that speaks to the key, the device registration, the primary refresh token, cached logon, and what `dsregcmd
// /status` prints. It speaks CTAPHID and CTAP2 to the key and what the README of entrasim describes to the authority.
//
// It is for tests, as entrasim is: a folder stands for the computer, and what a TPM would keep lies in it in the clear. It
// imports nothing of the programs it judges, so that a misreading of CTAP or of Windows cannot hide on both sides.
//
// # What is documented, and what is not
//
// The nine steps, the join states and builds that may use security keys, that the last added of several accounts is chosen,
// that the first sign-in needs a network and later ones do not, and that a user whom Entra refused is refused offline too are
// Microsoft's documentation. How the output of hmac-secret opens the cache, which salt is sent, and that a passkey which
// Entra no longer takes is refused offline from then on are the emulator's choice, and so is the wording of most
// sentences of Windows.
//
// Not emulated: Windows Hello, passwords at the sign-in screen, Kerberos beyond handing tickets on, profiles, and the registry.
package windows
