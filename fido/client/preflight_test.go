package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// TestLongLists: more credentials than a message holds, the right one last.
func TestLongLists(t *testing.T) {
	c, d := newClient(t)
	r := mustCreate(t, c, creation())
	var list []client.Descriptor
	for i := range 150 {
		list = append(list, client.Descriptor{ID: bytes.Repeat([]byte{byte(i), 1}, 30), Type: "public-key"})
	}
	list = append(list, client.Descriptor{ID: bytes.Repeat([]byte{9}, 1000), Type: "public-key"}) // no key of ours

	o := creation()
	o.User.ID = []byte("user-2")
	o.ExcludeCredentials = list
	mustCreate(t, c, o)
	o.ExcludeCredentials = append(slices.Clone(list), client.Descriptor{ID: r.ID, Type: "public-key"})
	_, err := c.Create(t.Context(), o, origin)
	wantName(t, "excluded at the end of a long list", err, client.InvalidStateError)

	d.User.Asked()
	g := request()
	g.AllowCredentials = o.ExcludeCredentials
	a, err := c.Get(t.Context(), g, origin)
	if err != nil || !bytes.Equal(a.ID, r.ID) {
		t.Errorf("allowed at the end of a long list: %v, %v", a, err)
	}
	if asked := d.User.Asked(); len(asked) != 1 {
		t.Errorf("the search asked the user %d times", len(asked)-1)
	}
	g.AllowCredentials = list
	_, err = c.Get(t.Context(), g, origin)
	wantName(t, "nothing in a long list", err, client.NotAllowedError)
}

func TestChooseAccount(t *testing.T) {
	c, _ := newClient(t)
	for i := range 3 {
		o := creation()
		o.User = client.UserAccount{ID: fmt.Appendf(nil, "user-%d", i), Name: fmt.Sprintf("alex-%d", i)}
		mustCreate(t, c, o)
	}
	var offered []string
	c.Choose = func(_ context.Context, accounts []ctap.User) (int, error) {
		for _, a := range accounts {
			offered = append(offered, a.Name)
		}
		return 1, nil
	}
	a, err := c.Get(t.Context(), request(), origin)
	if err != nil || string(a.UserHandle) != "user-1" {
		t.Errorf("chose %v, %v", a, err)
	}
	if !slices.Equal(offered, []string{"alex-2", "alex-1", "alex-0"}) {
		t.Errorf("offered %v", offered)
	}
	c.Choose = func(context.Context, []ctap.User) (int, error) { return 0, errors.New("none of these") }
	_, err = c.Get(t.Context(), request(), origin)
	wantName(t, "no choice", err, client.NotAllowedError)
}
