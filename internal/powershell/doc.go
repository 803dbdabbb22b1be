// Package powershell reads scripts for tests on machines without PowerShell: whether their text is cut into tokens as the
// PowerShell language specification (§2) has it, and whether every command and parameter in them is one that is documented.
//
// It runs nothing, and knows no more of the language than the scripts of this house use: what it does not know it refuses.
package powershell
