// Package doctor says why a phone cannot be used at this workstation, and what to do: one finding for each thing that was
// looked at, in the order in which one thing stands on another.
//
// [Gather] looks, which needs the network and the system; [Judge] decides, and is a function of [Facts] alone. The package
// changes nothing.
package doctor
