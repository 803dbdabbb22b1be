// Package stock runs Microsoft's own JavaScript clients, unchanged, against the emulator: @azure/msal-node for tokens and
// @microsoft/microsoft-graph-client for Graph. What they accept without complaint is a judgement on the emulator that its
// authors did not write. It has tests only.
package stock
