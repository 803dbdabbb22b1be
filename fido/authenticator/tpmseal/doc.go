// Package tpmseal seals a file to the TPM 2.0 of one machine: copied to another,
// it does not open. [New] gives the Unlock for package sealedfile, and with it
// for a store of credentials:
//
//	filestore.Open(path, tpmseal.New(tpmseal.Options{Mark: true}), 0)
//
// # The key
//
// A random secret of 32 bytes is sealed (TPM2_Create of a keyedhash object)
// under the storage root key that every TPM derives from its own seed by the TCG
// template for ECC P-256. What the TPM answers lies in the header of the file;
// nothing but a few bytes of mark stays in the TPM. File key and index authorization are derived from the
// secret by HKDF-SHA-256. Clearing the TPM, which a new owner or a firmware
// setup can do, destroys the storage root and with it the file.
//
// With a passphrase the TPM opens the seal only to who knows it, and its
// dictionary attack protection counts wrong ones: the passphrase may be short.
//
// The secret, the passphrase's digest and the marks cross the bus to the TPM encrypted
// (AES-128-CFB parameter encryption in sessions salted with the storage root, or
// keyed with the index authorization). The header names the storage root, so a
// file does not unseal through another one.
//
// # The mark
//
// With [Options.Mark] an NV index of 32 bytes in the owner's range keeps the
// mark of the newest copy, so that an older copy of the file that was put back
// is refused; package sealedfile says how, and what a loss of power leaves. Each
// write of the file is then also one write of NV memory, which takes some
// milliseconds and lasts for some hundred thousand writes on common TPMs: it
// suits what a person does, not a load test. Only the holder of the file's
// secret can read or write the index. The owner of the machine can remove it,
// after which only the file as it was when it was created and empty is let in.
// The index has a random handle in 0x01800000 to 0x01BFFFFF; [sealedfile.File.Remove]
// frees it. Where the file is gone already, tpm2_nvundefine does.
//
// Making the index needs the authorization of the owner, which is empty unless
// somebody set it, and on Windows a process with administrator rights.
//
// # A refused file
//
// If a backup was restored on purpose, open the file once with
// [Options.AcceptOlder]. Whoever can do so can also open the file, so nothing is
// lost by it but the notice.
package tpmseal
