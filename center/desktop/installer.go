package desktop

import (
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
)

// maxInstaller bounds an installer, in bytes. A real one has fewer than 20 MB.
const maxInstaller = 1 << 30

// installer is one that was looked at.
type installer struct {
	postern.DesktopInstaller
	path     string
	modified time.Time
	crc      uint32
}

func (i installer) open() (io.ReadCloser, error) { return os.Open(i.path) } // #nosec G304 -- of the operator's folder

func (i installer) header() zip.FileHeader {
	return entry(i.Name, i.Size, i.crc, i.modified)
}

// installers remembers the sums of files that have not changed.
type installers struct {
	mu    sync.Mutex
	known map[string]installer
}

// Installers lists what can be given out, one for each architecture at most.
func (s *Service) Installers() ([]postern.DesktopInstaller, error) {
	out := []postern.DesktopInstaller{}
	for _, architecture := range []postern.Architecture{postern.ArchitectureX64, postern.ArchitectureARM64} {
		found, err := s.installers.find(s.Packages, s.Version, architecture)
		switch {
		case err == nil:
			out = append(out, found.DesktopInstaller)
		case !postern.IsCode(err, postern.CodeDesktopMissing):
			return nil, err
		}
	}
	return out, nil
}

// find finds the installer for an architecture: that of this version, else the newest file.
func (k *installers) find(folder, version string, architecture postern.Architecture) (installer, error) {
	if architecture != postern.ArchitectureX64 && architecture != postern.ArchitectureARM64 {
		return installer{}, postern.FieldErrorf("architecture", "There is no architecture %q.", architecture).WithNext("Use x64 or arm64.")
	}
	missing := postern.Errorf(postern.CodeDesktopMissing, "This control center has no installer of the desktop client for %s.", architecture)
	entries, err := os.ReadDir(folder)
	if folder == "" || errors.Is(err, fs.ErrNotExist) {
		return installer{}, missing
	}
	if err != nil {
		return installer{}, missing.Because(err)
	}
	end := "_" + string(architecture) + ".msi"
	var best fs.FileInfo
	for _, file := range entries {
		if !strings.HasPrefix(file.Name(), "Postern-") || !strings.HasSuffix(file.Name(), end) {
			continue
		}
		info, err := os.Stat(filepath.Join(folder, file.Name()))
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxInstaller {
			continue
		}
		if best == nil || better(info, best, "Postern-"+version+end) {
			best = info
		}
	}
	if best == nil {
		return installer{}, missing
	}
	return k.look(filepath.Join(folder, best.Name()), best, architecture)
}

// better says whether a is to be given out rather than b.
func better(a, b fs.FileInfo, wanted string) bool {
	if first, second := a.Name() == wanted, b.Name() == wanted; first != second {
		return first
	}
	return cmp.Or(a.ModTime().Compare(b.ModTime()), strings.Compare(a.Name(), b.Name())) > 0
}

// look reads a file's sums, unless it is the one that was read before.
func (k *installers) look(path string, info fs.FileInfo, architecture postern.Architecture) (installer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.known[path]; ok && known.Size == info.Size() && known.modified.Equal(info.ModTime()) {
		return known, nil
	}
	f, err := os.Open(path) // #nosec G304 -- of the operator's folder
	if err != nil {
		return installer{}, err
	}
	defer f.Close()
	hash, crc := sha256.New(), crc32.NewIEEE()
	size, err := io.Copy(io.MultiWriter(hash, crc), f)
	if err != nil {
		return installer{}, err
	}
	found := installer{
		DesktopInstaller: postern.DesktopInstaller{Architecture: architecture, Name: info.Name(), Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))},
		path:             path, modified: info.ModTime(), crc: crc.Sum32(),
	}
	if k.known == nil {
		k.known = make(map[string]installer)
	}
	k.known[path] = found
	return found, nil
}
