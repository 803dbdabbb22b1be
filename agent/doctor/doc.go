// Package doctor says why a phone cannot be used at this workstation, and what to do: at least one finding for each thing
// that was looked at, in the order in which one thing stands on another.
//
// [Looker.Gather] looks, which needs the network and the system; [Judge] decides, and is a function of [Facts] alone. What
// Windows and its programs say is taken as text first ([Evidence]) and made facts by [Evidence.Facts], so that everything
// but the asking is the same on each system. The package changes nothing. What the texts look like is package printed's and
// package join's, the side of the domain package domain's.
package doctor
