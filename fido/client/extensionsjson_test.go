package client

import (
	"encoding/json"
	"testing"
)

// TestExtensionsJSON: what is absent, what is empty and what is false are three
// things (WebAuthn §10.1.5 and CTAP 2.1 §12.2 give the members).
func TestExtensionsJSON(t *testing.T) {
	for _, data := range []string{
		`{}`,
		`{"largeBlob":{"support":"required"}}`,
		`{"largeBlob":{"read":true}}`,
		`{"largeBlob":{"write":""}}`,
		`{"largeBlob":{"write":"AQI"}}`,
		`{"credBlob":"","minPinLength":true}`,
		`{"credBlob":"AQI","getCredBlob":true}`,
		`{"prf":{"eval":{"first":"AQ","second":"Ag"},"evalByCredential":{"AQ":{"first":"AQ"}}}}`,
	} {
		var in ExtensionInputs
		if err := json.Unmarshal([]byte(data), &in); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(in); err != nil || string(again) != data {
			t.Errorf("%s became %s, %v", data, again, err)
		}
	}
	for want, r := range map[string]ExtensionResults{
		`{}`:                                {},
		`{"largeBlob":{}}`:                  {LargeBlob: &LargeBlobOutput{}},
		`{"largeBlob":{"supported":false}}`: {LargeBlob: &LargeBlobOutput{Supported: new(false)}},
		`{"largeBlob":{"blob":""}}`:         {LargeBlob: &LargeBlobOutput{Blob: Bytes{}}},
		`{"largeBlob":{"written":false}}`:   {LargeBlob: &LargeBlobOutput{Written: new(false)}},
		`{"credBlob":false}`:                {CredBlob: new(false)},
		`{"getCredBlob":""}`:                {GetCredBlob: Bytes{}},
	} {
		if got, err := json.Marshal(r); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
