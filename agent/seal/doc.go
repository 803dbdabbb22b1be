// Package seal opens the agent's sealed files: by the TPM of this machine where one can be used, and by a key beside the file
// otherwise. Which of the two it was goes to people, as a [Seal].
//
// What is in a file, and when it is written, is the business of its owner.
package seal
