#include "stsfs/credentials/token_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "json_reader.h"
#include "keyring.h"
#include "stsfs/base/private_file.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/credentials/vending_client.h"
#include "stsfs/sign/digest.h"
#include "token_file.h"
#include "waiting.h"

namespace stsfs::credentials {
namespace {

constexpr std::size_t kStoredTokenMaxBytes = 16 * 1024;
constexpr std::chrono::milliseconds kLockStep{20};

/// The host as it may stand in a file's name.
std::string host_for_name(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos)
    url.remove_prefix(scheme + 3);
  std::string host;
  for (char c : url.substr(0, url.find('/'))) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    host += plain ? c : '_';
    if (host.size() == 100) break;
  }
  return host;
}

/// A URL that no token may be sent to has no file either, but a name for it must not fail.
std::string canonical(const std::string& url) {
  auto normal = normalize_vending_url({.url = url, .insecure_http = true});
  return normal ? *normal : url;
}

std::string key_name(const std::string& url) { return "stsfs:" + canonical(url); }

}  // namespace

std::string write_token_file(const std::string& url, const LoginToken& token) {
  const nlohmann::json document = {{"url", printable(url, 2048)},
                                   {"username", printable(token.username)},
                                   {"obtained_at", format_iso8601(token.obtained_at)},
                                   {"expires_at", format_iso8601(token.expires_at)}};
  // The token is put in by hand: a JSON document would leave a copy of it in freed memory.
  std::string text = document.dump();
  text.pop_back();
  text.reserve(text.size() + token.token.size_bytes() + 16);
  text += ",\"token\":\"";
  text += token.token.reveal();
  text += "\"}\n";
  return text;
}

Result<LoginToken> parse_token_file(std::string_view text) {
  auto document = parse_object(text, kPrivateFileMaxBytes);
  if (!document) return fail(std::move(document.error()));
  MemberReader reader(*document);
  LoginToken token;
  token.token = reader.secret("token", kStoredTokenMaxBytes, true);
  const auto obtained = reader.time("obtained_at", true);
  const auto expires = reader.time("expires_at", true);
  token.username = reader.text("username", 1024);
  // It stands between quotes when it is written again.
  if (token.token.reveal().find_first_of("\"\\") != std::string_view::npos)
    reader.complain("token", "contains characters that no token has");
  if (auto read = reader.result(); !read) return fail(std::move(read.error()));
  token.obtained_at = *obtained;
  token.expires_at = *expires;
  return token;
}

std::string TokenStore::path_of(const std::string& url) const {
  const std::string normal = canonical(url);
  const auto hash = sign::sha256(normal);
  return directory_ + "/tokens/" + host_for_name(normal) + "-" +
         hex_lower(std::span(hash).first(8)) + ".json";
}

Result<Secret> TokenStore::read(const std::string& url) const {
  if (place_ == TokenPlace::kKeyring) return read_key(key_name(url));
  return read_private_file(path_of(url));
}

Result<LoginToken> TokenStore::load(const std::string& url) const {
  const auto text = read(url);
  const std::string remedy = "; remedy: stsfs login " + printable(canonical(url), 512);
  if (!text && text.error().code == Errc::kNotFound)
    return fail(Errc::kCredential, "not logged in" + remedy);
  if (!text) return fail(text.error(), "login token");
  auto token = parse_token_file(text->reveal());
  if (!token)
    return fail(Errc::kCredential, (place_ == TokenPlace::kKeyring ? "the token in the keyring"
                                                                   : printable(path_of(url))) +
                                       " is damaged (" + token.error().message + ")" + remedy);
  return token;
}

Result<void> TokenStore::save(const std::string& url, const LoginToken& token) const {
  std::string text = write_token_file(canonical(url), token);
  Result<void> written;
  if (place_ == TokenPlace::kKeyring) {
    written = write_key(key_name(url), text);
  } else {
    written = make_directories(directory_ + "/tokens", 0700);
    if (written) written = write_file_atomically(path_of(url), text, 0600);
  }
  wipe(text);
  if (!written) return fail(std::move(written.error()), "login token");
  return {};
}

Result<bool> TokenStore::erase(const std::string& url) const {
  if (place_ == TokenPlace::kKeyring) return erase_key(key_name(url));
  const std::string path = path_of(url);
  if (unlink(path.c_str()) == 0) return true;
  if (errno != ENOENT) return fail_errno("remove " + printable(path));
  return false;
}

std::vector<std::string> TokenStore::servers() const {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/tokens", error)) {
    if (entry.path().extension() != ".json") continue;
    const auto text = read_private_file(entry.path());
    auto document = text ? parse_object(text->reveal(), kPrivateFileMaxBytes)
                         : Result<nlohmann::json>(fail(text.error()));
    if (!document) continue;
    MemberReader reader(*document);
    if (std::string url = reader.text("url", 2048); !url.empty()) out.push_back(std::move(url));
    (void)reader.secret("token", kStoredTokenMaxBytes);  // wiped, not left in the document
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<TokenStore::Lock> TokenStore::lock(const std::string& url, const Clock& clock,
                                          Deadline deadline, Interrupt& interrupt) const {
  if (auto made = make_directories(directory_ + "/tokens", 0700); !made)
    return fail(std::move(made.error()));
  const std::string path = path_of(url) + ".lock";
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno("open " + printable(path));
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno("lock " + printable(path));
    if (deadline.passed(clock))
      return fail(Errc::kTimedOut, "another process holds " + printable(path));
    if (!wait_for(kLockStep, interrupt))
      return fail(Errc::kInterrupted, "interrupted while waiting for " + printable(path));
  }
  return Lock(std::move(fd));
}

}  // namespace stsfs::credentials
