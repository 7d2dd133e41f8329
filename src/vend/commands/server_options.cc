#include <gnutls/gnutls.h>

#include "stsfs/base/fd.h"
#include "stsfs/base/handle.h"
#include "stsfs/base/private_file.h"
#include "stsfs/base/text.h"
#include "web/server.h"

// libmicrohttpd says only that it did not start; what is wrong with which file is found out here.
namespace stsfs::vend {
namespace {

using Credentials = Handle<std::remove_pointer_t<gnutls_certificate_credentials_t>,
                           gnutls_certificate_free_credentials>;

gnutls_datum_t datum_of(std::string_view text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

Result<void> try_tls(const ServerOptions& options, const Config& config) {
  gnutls_certificate_credentials_t raw = nullptr;
  if (gnutls_certificate_allocate_credentials(&raw) != GNUTLS_E_SUCCESS)
    return fail(Errc::kIo, "GnuTLS does not start");
  const Credentials credentials(raw);
  const gnutls_datum_t certificate = datum_of(options.tls_certificate);
  const gnutls_datum_t key = datum_of(options.tls_key.reveal());
  const int code =
      gnutls_certificate_set_x509_key_mem(raw, &certificate, &key, GNUTLS_X509_FMT_PEM);
  if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
    return fail(Errc::kInvalid, "tls_key: " + printable(config.tls_key) +
                                    " is not the key of the certificate in " +
                                    printable(config.tls_certificate));
  if (code < 0)
    return fail(Errc::kInvalid, "tls_certificate " + printable(config.tls_certificate) +
                                    ", tls_key " + printable(config.tls_key) + ": " +
                                    gnutls_strerror(code) + "; remedy: both are PEM files");
  if (options.tls_client_ca.empty()) return {};
  const gnutls_datum_t ca = datum_of(options.tls_client_ca);
  if (gnutls_certificate_set_x509_trust_mem(raw, &ca, GNUTLS_X509_FMT_PEM) > 0) return {};
  return fail(Errc::kInvalid, "tls_client_ca: " + printable(config.tls_client_ca) +
                                  " holds no certificate; remedy: a PEM file");
}

}  // namespace

Result<ServerOptions> server_options(const Config& config) {
  ServerOptions options{
      .listen = config.listen, .trusted_proxies = config.trusted_proxies, .limits = config.limits};
  if (config.tls_certificate.empty()) return options;
  auto certificate = read_file(config.tls_certificate);
  if (!certificate) return fail(std::move(certificate.error()), "tls_certificate");
  auto key = read_private_file(config.tls_key);
  if (!key) return fail(std::move(key.error()), "tls_key");
  options.tls_certificate = std::move(*certificate);
  options.tls_key = std::move(*key);
  if (!config.tls_client_ca.empty()) {
    auto ca = read_file(config.tls_client_ca);
    if (!ca) return fail(std::move(ca.error()), "tls_client_ca");
    options.tls_client_ca = std::move(*ca);
  }
  if (auto spoken = try_tls(options, config); !spoken) return fail(std::move(spoken.error()));
  return options;
}

}  // namespace stsfs::vend
