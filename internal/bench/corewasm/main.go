// Command corewasm measures the authenticator as the phone runs it: compiled to WebAssembly. It prints JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/postern/postern/internal/bench/core"
)

func main() {
	pairs, err := core.Ceremonies()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(pairs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "corewasm:", err)
		os.Exit(1)
	}
}
