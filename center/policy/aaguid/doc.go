// Package aaguid knows models of authenticators by their AAGUID, and names sets of them, so that a policy can say
// "YubiKey 5 FIPS" where Entra wants numbers.
//
// It owns the list that comes with a release (models.tsv, from the sources its head names), the rules that sort models
// into bundles, what counts as an update of the list and who must have signed it, and the list in use: per source the
// newer of what the release brought and what somebody applied. It does not own what is done with names: package
// document resolves them in policies, package inventory counts the models of a tenant. It reads no icons, and takes no
// trust anchors from metadata: whether an attestation holds is Entra's to say.
package aaguid
