package insforge

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// isCertificateError reports whether the server could not prove who it is.
// Trying again would not help, and nothing was sent.
func isCertificateError(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || errors.As(err, &invalid) || errors.As(err, &record)
}
