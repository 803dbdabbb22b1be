package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// fit cuts a credential list to what one request can carry: ids the
// authenticator cannot have made are left out, and a list that is still too
// long is searched in silence for the one credential that is there (CTAP 2.1
// §6.2, "pre-flight"). With search set that is done for every list of several.
// Rest is the size of the request without the list.
func (s *session) fit(ctx context.Context, list []ctap.CredentialDescriptor, rest int, search bool) ([]ctap.CredentialDescriptor, error) {
	if m := s.info.MaxCredentialIDLength; m != nil {
		list = slices.DeleteFunc(list, func(d ctap.CredentialDescriptor) bool { return uint64(len(d.ID)) > *m })
	}
	batches := s.batches(list, rest)
	if len(list) <= 1 || (len(batches) == 1 && !search) {
		return list, nil
	}
	for _, batch := range batches {
		hash := make([]byte, 32) // a hash of nothing: the signature is thrown away
		param, protocol := s.authParam(hash)
		request, err := (&ctap.GetAssertionRequest{
			RPID: s.rpID, ClientDataHash: hash, AllowList: batch, Options: map[string]bool{ctap.OptionUP: false},
			PINUVAuthParam: param, PINUVAuthProtocol: protocol,
		}).Encode()
		result, err := s.call(ctx, request, err)
		if ctap.StatusOf(err) == ctap.ErrNoCredentials {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("search for known credentials: %w", err)
		}
		resp, err := ctap.DecodeGetAssertionResponse(result)
		if err != nil {
			return nil, err
		}
		if resp.Credential == nil {
			return batch, nil
		}
		if !lists(batch, resp.Credential.ID) {
			return nil, errors.New("the authenticator found a credential that was not looked for")
		}
		return []ctap.CredentialDescriptor{{ID: resp.Credential.ID, Type: ctap.PublicKeyType}}, nil
	}
	return nil, nil
}

func lists(list []ctap.CredentialDescriptor, id []byte) bool {
	return slices.ContainsFunc(list, func(d ctap.CredentialDescriptor) bool { return bytes.Equal(d.ID, id) })
}

// messageSize gives the size of the longest request in bytes.
func (s *session) messageSize() int {
	if m := s.info.MaxMsgSize; m != nil {
		return int(min(*m, ctap.MaxMessageSize)) // #nosec G115 -- bounded
	}
	return ctap.DefaultMessageSize
}

// batches parts a list by what GetInfo says about counts and sizes.
func (s *session) batches(list []ctap.CredentialDescriptor, rest int) [][]ctap.CredentialDescriptor {
	size, count := s.messageSize(), len(list)
	if m := s.info.MaxCredentialCountInList; m != nil && *m > 0 {
		count = int(min(*m, uint64(len(list)))) // #nosec G115 -- bounded
	}
	const overhead = 32 // of one descriptor beyond its id, and more than it takes
	var out [][]ctap.CredentialDescriptor
	var batch []ctap.CredentialDescriptor
	used := rest
	for _, d := range list {
		if len(batch) > 0 && (len(batch) == count || used+len(d.ID)+overhead > size) {
			out, batch, used = append(out, batch), nil, rest
		}
		batch = append(batch, d)
		used += len(d.ID) + overhead
	}
	if len(batch) > 0 {
		out = append(out, batch)
	}
	return out
}
