package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone/ceremony"
)

// offlineCmd are the codes for signing in at workstations without a network. They come while postern-phone answer runs.
type offlineCmd struct {
	List   offlineListCmd   `cmd:"" help:"List the workstations this phone has codes for."`
	Code   offlineCodeCmd   `cmd:"" help:"Print the next code for a workstation. Needs no network; each code is printed once."`
	Forget offlineForgetCmd `cmd:"" help:"End signing in without a network at a workstation."`
}

// offlineListCmd lists codes.
type offlineListCmd struct{}

// codesLine is what is listed of the codes for one workstation.
type codesLine struct {
	Workstation string            `json:"workstation"`
	Pairing     postern.PairingID `json:"pairing"`
	Left        int               `json:"left"`
	Codes       int               `json:"codes"`
	ExpiresAt   time.Time         `json:"expires_at"`
}

// Run lists codes.
func (offlineListCmd) Run(_ context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	list := []codesLine{}
	for _, id := range slices.Sorted(maps.Keys(v.content.Link.Workstations)) {
		if kept := v.shelf(id); kept != nil && kept.Current != nil {
			c := kept.Current
			list = append(list, codesLine{v.content.Link.Workstations[id].Name, id, c.Left(), c.Codes, c.Expires})
		}
	}
	if o.JSON {
		return cli.JSON(std.Out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(std.Out, "This phone has no codes for signing in without a network.")
		return err
	}
	table := [][]string{{"WORKSTATION", "CODES LEFT", "GOOD UNTIL", "PAIRING"}}
	for _, c := range list {
		table = append(table, []string{c.Workstation, fmt.Sprintf("%d of %d", c.Left, c.Codes), when(c.ExpiresAt), string(c.Pairing)})
	}
	return rows(std.Out, table...)
}

// offlineCodeCmd prints a code.
type offlineCodeCmd struct {
	Workstation string `arg:"" help:"The workstation's name or id, or the pairing's id."`
}

// Run prints the next code, and nothing else, to standard output.
func (c *offlineCodeCmd) Run(_ context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	id, err := v.withCodes(c.Workstation)
	if err != nil {
		return err
	}
	code, left, err := v.draw(id)
	name := cli.Clean(v.content.Link.Workstations[id].Name)
	if errors.Is(err, ceremony.ErrNoCodes) {
		return postern.Errorf(postern.CodeConflict, "Every code for %s has been shown.", name).
			WithNext("Run postern-phone answer while the workstation has a network: it then brings new ones.")
	}
	if err != nil {
		return err
	}
	if !time.Now().Before(left.Expires) {
		fmt.Fprintf(std.Err, "note: by this machine's clock the codes ended %s. The workstation goes by its own.\n", when(left.Expires))
	}
	if left.Low() {
		fmt.Fprintf(std.Err, "note: codes left for %s: %d. Run postern-phone answer while it has a network to get new ones.\n", name, left.Left())
	}
	if o.JSON {
		return cli.JSON(std.Out, map[string]any{"pairing": id, "code": code, "left": left.Left()})
	}
	_, err = fmt.Fprintln(std.Out, code)
	return err
}

// offlineForgetCmd ends it.
type offlineForgetCmd struct {
	Workstation string `arg:"" help:"The workstation's name or id, or the pairing's id."`
}

// Run tells the control center first, so that the passkey on the workstation ends too.
func (c *offlineForgetCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	id, err := v.withCodes(c.Workstation)
	if err != nil {
		return err
	}
	p, err := v.phone()
	if err != nil {
		return err
	}
	err = p.API.EndOffline(ctx, id)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) && !postern.IsCode(err, postern.CodeOfflineState) {
		return err
	}
	if err := v.drop(id); err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, map[string]any{"pairing": id})
	}
	_, err = fmt.Fprintf(std.Out, "Signing in without a network at %s has ended.\n", cli.Clean(v.content.Link.Workstations[id].Name))
	return err
}

// withCodes finds the pairing of a workstation that there are codes for.
func (v *vault) withCodes(name string) (postern.PairingID, error) {
	var found []postern.PairingID
	for id, w := range v.content.Link.Workstations {
		kept := v.shelf(id)
		if (name == string(id) || name == string(w.ID) || name == w.Name) && kept != nil && kept.Current != nil {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", postern.Errorf(postern.CodeNotFound, "This phone has no codes for %q.", name).WithNext("See postern-phone offline list.")
	}
	return "", postern.FieldErrorf("workstation", "This phone has codes for %d workstations of that name.", len(found)).
		WithNext("Give the id of the pairing; see postern-phone offline list.")
}
