package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/postern/postern/center"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/web"
)

// ServeCmd runs a control center.
type ServeCmd struct {
	Config string `help:"YAML file with the configuration; see docs/configuration.md." short:"c" type:"existingfile"`
}

// Run serves until ctx ends.
func (c *ServeCmd) Run(ctx context.Context) (err error) {
	config, err := center.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	log, err := jsonLogger(config.LogLevel)
	if err != nil {
		return err
	}
	app, err := web.Handler(web.Options{Stories: config.Stories})
	if err != nil {
		return err
	}
	s, err := center.New(ctx, config, center.Options{Logger: log, Statement: phone.Statement, App: app})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	link, err := s.Auth.SetupLink(ctx)
	if err != nil {
		return err
	}
	l, err := s.Listen(ctx)
	if err != nil {
		return err
	}
	if link != "" {
		// Standard output, not the log: the link is a secret until it is used.
		fmt.Printf("Postern has no administrator yet. Open this link once, within a day, to become its owner:\n\n  %s\n\n", link)
	}
	return s.Serve(ctx, l)
}

// jsonLogger writes the log to standard error, one JSON object a line.
func jsonLogger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("configuration: log_level must be debug, info, warn or error, not %q", level)
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}
