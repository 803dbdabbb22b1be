package desktop

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Client is a desktop client that is about to be given out: one zip archive with the installer and the file beside it.
type Client struct {
	Name string // of the archive
	Size int64

	installer installer
	file      []byte
	at        time.Time
}

// Client makes a desktop client for an integration, with an install token of its own.
func (s *Service) Client(ctx context.Context, integration postern.IntegrationID, in postern.DesktopClientInput) (*Client, error) {
	i, err := s.Integrations.Get(ctx, integration)
	if err != nil {
		return nil, err
	}
	if in.Architecture == "" {
		in.Architecture = postern.ArchitectureX64
	}
	found, err := s.installers.find(s.Packages, s.Version, in.Architecture)
	if err != nil {
		return nil, err
	}
	settings, err := s.settings(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	made, err := s.create(ctx, i, in.InstallTokenInput, func(ctx context.Context, t postern.InstallToken) error {
		return s.Audit.Record(ctx, event(audit.DesktopDownloaded, i, string(i.ID), i.ApplicationName,
			"The desktop client "+found.Name+" was downloaded.", map[string]string{"install_token": string(t.ID), "sha256": found.SHA256}))
	})
	if err != nil {
		return nil, err
	}
	file, err := json.MarshalIndent(postern.DesktopConfiguration{
		Format: postern.DesktopFileFormat, Server: s.PublicURL, IntegrationID: i.ID, Application: i.ApplicationName,
		InstallTokenID: made.Token.ID, InstallToken: made.Value, Expires: &made.Token.ExpiresAt, Settings: settings.Client,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	c := &Client{
		Name:      strings.TrimSuffix(found.Name, ".msi") + ".zip",
		installer: found, file: append(file, '\n'), at: made.Token.CreatedAt,
	}
	var measure counter
	if err := c.write(&measure, zeros{}); err != nil {
		return nil, err
	}
	c.Size = int64(measure)
	return c, nil
}

// WriteTo streams the archive.
func (c *Client) WriteTo(w io.Writer) (int64, error) {
	f, err := c.installer.open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var counted counter
	err = c.write(io.MultiWriter(w, &counted), f)
	return int64(counted), err
}

// write writes the archive with what is read from msi. Sizes and sums stand before what they are of, so that what
// unpacks the archive while it comes needs no look at its end, and its length is known beforehand.
func (c *Client) write(w io.Writer, msi io.Reader) error {
	z := zip.NewWriter(w)
	for _, one := range []struct {
		header  zip.FileHeader
		content io.Reader
	}{
		{c.installer.header(), msi},
		{entry(postern.DesktopFile, int64(len(c.file)), crc32.ChecksumIEEE(c.file), c.at), bytes.NewReader(c.file)},
	} {
		to, err := z.CreateRaw(&one.header)
		if err != nil {
			return err
		}
		// A file that became shorter meanwhile breaks the download off.
		if _, err := io.CopyN(to, one.content, int64(one.header.UncompressedSize64)); err != nil { // #nosec G115 -- was an int64
			return err
		}
	}
	return z.Close()
}

// entry is the header of a file that is stored as it is: an installer is compressed inside. ZIP has the time of day in the
// words of MS-DOS (APPNOTE 4.4.6), without a zone.
func entry(name string, size int64, crc uint32, at time.Time) zip.FileHeader {
	const version = 20 // of the format that it takes to read it
	at = at.UTC()
	return zip.FileHeader{
		Name: name, Method: zip.Store, CreatorVersion: version, ReaderVersion: version, CRC32: crc,
		CompressedSize64: uint64(size), UncompressedSize64: uint64(size), // #nosec G115 -- lengths
		ModifiedDate: uint16(at.Day() + int(at.Month())<<5 + (at.Year()-1980)<<9), //nolint:staticcheck,gosec // CreateRaw writes these two as they are; until 2107
		ModifiedTime: uint16(at.Second()/2 + at.Minute()<<5 + at.Hour()<<11),      //nolint:staticcheck,gosec // under 16 bits
	}
}

// counter counts what is written to it.
type counter int64

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// zeros stands for an installer of which only the length matters.
type zeros struct{}

// Read implements [io.Reader].
func (zeros) Read(p []byte) (int, error) { return len(p), nil }
