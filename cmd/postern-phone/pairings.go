package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone/link"
)

// pairingsCmd lists the workstations.
type pairingsCmd struct{}

// Run lists pairings.
func (pairingsCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	p, err := v.phone()
	if err != nil {
		return err
	}
	self, err := v.inStep(ctx, p)
	if err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, self.Pairings)
	}
	if len(self.Pairings) == 0 {
		_, err := fmt.Fprintln(std.Out, "No workstation is paired with this phone.")
		return err
	}
	table := [][]string{{"WORKSTATION", "KIND", "SYSTEM", "PAIRED", "PAIRING"}}
	for _, w := range self.Pairings {
		table = append(table, []string{w.Name, string(w.Kind), w.OS, when(w.Pairing.CreatedAt), string(w.Pairing.ID)})
	}
	if err := rows(std.Out, table...); err != nil {
		return err
	}
	for _, w := range self.Pairings {
		notice(std, w.Notice)
	}
	return nil
}

// unpairCmd ends a pairing.
type unpairCmd struct {
	Workstation string `arg:"" help:"The workstation's name or id, or the pairing's id."`
}

// Run ends a pairing. The control center is told first, so that the other end learns of it.
func (c *unpairCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	p, err := v.phone()
	if err != nil {
		return err
	}
	self, err := v.inStep(ctx, p)
	if err != nil {
		return err
	}
	var found []postern.PairedWorkstation
	for _, w := range self.Pairings {
		if c.Workstation == string(w.Pairing.ID) || c.Workstation == string(w.Pairing.WorkstationID) || c.Workstation == w.Name {
			found = append(found, w)
		}
	}
	switch len(found) {
	case 1:
	case 0:
		return postern.Errorf(postern.CodeNotFound, "This phone is not paired with %q.", c.Workstation).WithNext("See postern-phone pairings.")
	default:
		return postern.FieldErrorf("workstation", "This phone is paired with %d workstations of that name.", len(found)).WithNext("Give the id of the pairing; see postern-phone pairings.")
	}
	l, err := v.link(p, newEvents(), func(context.Context, *link.Request) link.Answer { return link.Answer{} })
	if err != nil {
		return err
	}
	id := found[0].Pairing.ID
	if err := l.Unpair(ctx, id); err != nil {
		return err
	}
	delete(v.content.Link.Workstations, id)
	if err := v.save(); err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, map[string]any{"pairing": id})
	}
	_, err = fmt.Fprintf(std.Out, "This phone is no longer paired with %s.\n", cli.Clean(found[0].Name))
	return err
}
