package main

import (
	"context"
	"os"

	"wanctl/configs"
)

func init() {
	for _, name := range []string{"wan1.yaml.example", "steering.yaml.example"} {
		fixtures[name] = func(_ context.Context, path string) error {
			text, err := configs.Examples.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(path, text, 0o600)
		}
	}
}
