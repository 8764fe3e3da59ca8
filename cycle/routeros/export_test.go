package routeros

// AddressOf returns where a transport is reached.
func (c *Config) AddressOf(transport string) string { return c.address(transport) }

// SecureBy tells whether a transport is spoken over TLS.
func (c *Config) SecureBy(transport string) bool { return c.tls(transport) }
