#include "support/tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "stsfs/base/handle.h"

namespace stsfs::testing {
namespace {

using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using X509Pointer = Handle<X509, X509_free>;
using Bio = Handle<BIO, BIO_free_all>;
using Ssl = Handle<SSL, SSL_free>;
using Extension = Handle<X509_EXTENSION, X509_EXTENSION_free>;

void must(bool good) {
  if (!good) std::abort();  // a broken fixture must not look like a failed test
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Bio memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

X509Pointer read_certificate(const std::string& pem) {
  return X509Pointer(PEM_read_bio_X509(memory(pem).get(), nullptr, nullptr, nullptr));
}

Key read_key(const std::string& pem) {
  return Key(PEM_read_bio_PrivateKey(memory(pem).get(), nullptr, nullptr, nullptr));
}

void extend(X509* certificate, int what, const std::string& value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()));
  must(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

X509Pointer blank(EVP_PKEY* key, const std::string& name, long from, long until) {
  X509Pointer certificate(X509_new());
  must(certificate != nullptr);
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint32_t serial = 0;
  must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  must(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

Certificate sign(X509* certificate, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  must(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
  const Bio out(BIO_new(BIO_s_mem()));
  const Bio key_out(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509(out.get(), certificate) == 1 &&
       PEM_write_bio_PrivateKey(key_out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return {text_of(out.get()), text_of(key_out.get())};
}

}  // namespace

Certificate make_ca(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const X509Pointer certificate = blank(key.get(), name, -7200, 7200);
  extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate.get(), NID_key_usage, "critical,keyCertSign");
  return sign(certificate.get(), key.get(), certificate.get(), key.get());
}

Certificate issue(const Certificate& ca, const CertificateOptions& options) {
  const Key key(EVP_EC_gen("P-256"));
  const X509Pointer certificate =
      blank(key.get(), options.host, options.valid_from_seconds, options.valid_for_seconds);
  in_addr address{};
  const bool is_address = inet_pton(AF_INET, options.host.c_str(), &address) == 1;
  extend(certificate.get(), NID_subject_alt_name, (is_address ? "IP:" : "DNS:") + options.host);
  return sign(certificate.get(), key.get(), read_certificate(ca.certificate).get(),
              read_key(ca.private_key).get());
}

struct TlsServer::Context {
  Handle<SSL_CTX, SSL_CTX_free> context{SSL_CTX_new(TLS_server_method())};
};

TlsServer::TlsServer(const Certificate& certificate, std::string answer, int version_max)
    : answer_(std::move(answer)),
      context_(std::make_unique<Context>()),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  SSL_CTX* context = context_->context.get();
  must(SSL_CTX_use_certificate(context, read_certificate(certificate.certificate).get()) == 1 &&
       SSL_CTX_use_PrivateKey(context, read_key(certificate.private_key).get()) == 1);
  SSL_CTX_set_security_level(context, 0);  // so that a test can offer what must be refused
  if (version_max != 0) must(SSL_CTX_set_max_proto_version(context, version_max) == 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  must(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
       listen(listener_.get(), 64) == 0 &&
       getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { serve(); });
}

TlsServer::~TlsServer() {
  stopping_ = true;
  shutdown(listener_.get(), SHUT_RDWR);
  if (const int fd = current_; fd >= 0) shutdown(fd, SHUT_RDWR);
  thread_.join();
}

std::string TlsServer::url(std::string_view path) const {
  return "https://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

void TlsServer::serve() {
  sigset_t broken_pipe;  // OpenSSL writes without MSG_NOSIGNAL
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  while (!stopping_) {
    const UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) continue;
    ++connections_;
    current_ = fd.get();
    if (!stopping_) answer(fd.get());
    current_ = -1;
  }
}

void TlsServer::answer(int fd) {
  const Ssl ssl(SSL_new(context_->context.get()));
  must(SSL_set_fd(ssl.get(), fd) == 1);
  if (SSL_accept(ssl.get()) != 1) return;
  if (SSL_session_reused(ssl.get()) == 1) ++resumed_;
  std::string request;
  std::array<char, 4096> chunk{};
  for (;;) {
    const int count = SSL_read(ssl.get(), chunk.data(), static_cast<int>(chunk.size()));
    if (count <= 0) return;
    request.append(chunk.data(), static_cast<std::size_t>(count));
    if (!request.ends_with("\r\n\r\n")) continue;
    request.clear();
    if (SSL_write(ssl.get(), answer_.data(), static_cast<int>(answer_.size())) <= 0) return;
    if (answer_.find("Connection: close") != std::string::npos) {
      SSL_shutdown(ssl.get());
      return;
    }
  }
}

}  // namespace stsfs::testing
