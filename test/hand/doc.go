// Package hand is the whole story of the phone in the hand, told by three browsers that know nothing of each other: the
// administrator's with the console, the phone's with the app, and the workstation's with the extension. Between them stand
// the real control center and an emulated tenant.
//
// It owns the story alone. What a single screen does in every state is tested beside the screen.
package hand
