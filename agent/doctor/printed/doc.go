// Package printed reads what programs of Windows print: reg query, nltest, and the objects that PowerShell writes as JSON.
//
// It owns the forms of these texts, which have bounds and come from a machine that may be broken: nothing in them is
// believed to be there. It runs nothing and judges nothing; that is package doctor's. What dsregcmd prints is package join's.
package printed

// maxText bounds each text, far above what these programs print.
const maxText = 4 << 20
