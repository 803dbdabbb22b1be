package authenticator

import "github.com/postern/postern/fido/ctap"

// discardState ends what only an unbroken run of commands may continue, at the
// arrival of c (CTAP 2.1 §6, "stateful commands"). What a command allows within
// itself is the command's to decide.
func (a *Authenticator) discardState(c ctap.Command) {
	a.discardRuns(c)
	a.touch.withdraw()
}

// discardRuns is discardState but for the question U2F requests share. No c, as
// with these, ends every run.
func (a *Authenticator) discardRuns(c ctap.Command) {
	if c != ctap.GetNextAssertion {
		a.next = nextAssertions{}
	}
	if c != ctap.CredentialManagement && c != ctap.CredentialManagementPreview {
		a.listings = listings{}
	}
	if c != ctap.LargeBlobs {
		a.blobWrite = blobWrite{}
	}
}
