package websignin

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// pageConfig is the part of a page's $Config that is read.
type pageConfig struct {
	Page      string `json:"pgid"`
	Challenge string `json:"sFidoChallenge"`
	FlowToken string `json:"sFT"`
	Context   string `json:"sCtx"`
	Canary    string `json:"canary"`
	SessionID string `json:"sessionId"`
	URLPost   string `json:"urlPost"`
	Username  string `json:"sPOST_Username"`

	ErrorMessage string `json:"strServiceExceptionMessage"`
	MainMessage  string `json:"strMainMessage"`

	CredentialType struct {
		Credentials struct {
			FidoParams *struct{ AllowList []string }
		}
	} `json:"oGetCredTypeResult"`
}

var configMark = []byte("$Config=")

var errNoConfig = errors.New("the page has no $Config: it is not one of Entra's sign-in pages")

// parseConfig finds $Config in a page and reads it.
func parseConfig(page []byte) (*pageConfig, error) {
	_, rest, found := bytes.Cut(page, configMark)
	if !found {
		return nil, errNoConfig
	}
	var c pageConfig
	// The decoder stops at the end of the object; a script goes on after it.
	if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&c); err != nil {
		return nil, errNoConfig
	}
	return &c, nil
}

// refusal gives the sentence with which a page refuses, or "".
func (c *pageConfig) refusal() string {
	if c.ErrorMessage != "" {
		return strings.TrimSpace(c.ErrorMessage)
	}
	if c.Page == "ConvergedError" {
		return strings.TrimSpace(c.MainMessage)
	}
	return ""
}
