#include "password.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "stsfs/base/random.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

constexpr unsigned long long kOperationsMin = 2, kOperationsMax = 32;
constexpr std::size_t kHashMaxBytes = crypto_pwhash_STRBYTES;

bool start_sodium() {
  static const bool started = sodium_init() >= 0;
  return started;
}

/// The number after `name` in `m=65536,t=2,p=1`; 0 when it is not there.
std::uint64_t parameter(std::string_view parameters, std::string_view name) {
  for (std::string_view part : split(parameters, ','))
    if (part.starts_with(name)) return parse_u64(part.substr(name.size())).value_or(0);
  return 0;
}

/// Never null, as libsodium wants it also of a password that is empty.
std::string_view bytes_of(const Secret& password) {
  const std::string_view text = password.reveal();
  return text.empty() ? std::string_view("") : text;
}

}  // namespace

PasswordCost tune_password_cost(std::chrono::milliseconds target, std::size_t memory_bytes) {
  PasswordCost cost{kOperationsMin, memory_bytes};
  const Secret password(std::string_view("a password of usual length"));
  // The quickest of three: what else the machine does is not our cost.
  std::chrono::duration<double> least = std::chrono::hours(1);
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!hash_password(password, cost)) return cost;
    least =
        std::min<std::chrono::duration<double>>(least, std::chrono::steady_clock::now() - start);
  }
  const double passes =
      static_cast<double>(kOperationsMin) * (std::chrono::duration<double>(target) / least);
  cost.operations =
      std::clamp(static_cast<unsigned long long>(passes), kOperationsMin, kOperationsMax);
  return cost;
}

Result<std::string> hash_password(const Secret& password, const PasswordCost& cost) {
  if (!start_sodium()) return fail(Errc::kIo, "libsodium could not start");
  const std::string_view text = bytes_of(password);
  std::array<char, kHashMaxBytes> hash{};
  if (crypto_pwhash_str_alg(hash.data(), text.data(), text.size(), cost.operations,
                            cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(Errc::kIo, "not enough memory to hash a password");
  return std::string(hash.data());
}

bool verify_password(const std::string& hash, const Secret& password) {
  if (!start_sodium() || hash.size() >= kHashMaxBytes) return false;
  const std::string_view text = bytes_of(password);
  return crypto_pwhash_str_verify(hash.c_str(), text.data(), text.size()) == 0;
}

std::optional<PasswordCost> cost_of(const std::string& hash) {
  const auto parts = split(hash, '$');  // $argon2id$v=19$m=65536,t=2,p=1$salt$hash
  if (parts.size() != 6 || parts[1] != "argon2id") return std::nullopt;
  const std::uint64_t kib = parameter(parts[3], "m=");
  const std::uint64_t passes = parameter(parts[3], "t=");
  if (kib == 0 || passes == 0) return std::nullopt;
  return PasswordCost{passes, static_cast<std::size_t>(kib) << 10};
}

Result<std::unique_ptr<PasswordChecker>> PasswordChecker::create(const PasswordCost& cost) {
  auto dummy = hash_password(Secret(random_hex(16)), cost);
  if (!dummy) return fail(std::move(dummy.error()));
  return std::unique_ptr<PasswordChecker>(new PasswordChecker(cost, std::move(*dummy)));
}

/// What everybody pays from now on.
unsigned long long PasswordChecker::dearest_with(unsigned long long work) const {
  work = std::max(work, cost_.work());
  auto known = dearest_.load();
  while (known < work && !dearest_.compare_exchange_weak(known, work)) {
  }
  return std::max(known, work);
}

bool PasswordChecker::verify(const std::string& hash, const Secret& password) const {
  const Secret nothing;
  const bool usable = password.size_bytes() <= kPasswordMaxBytes;
  const Secret& tried = usable ? password : nothing;
  const auto known = cost_of(hash);
  const bool right = verify_password(known ? hash : dummy_, tried);
  const auto done = known ? known->work() : cost_.work();
  const auto missing = (dearest_with(done) - done) / (cost_.memory_bytes >> 10);
  if (missing > 0) (void)hash_password(tried, {missing, cost_.memory_bytes});
  return right && known && usable;
}

std::string PasswordChecker::rehash(const std::string& hash, const Secret& password) const {
  const auto known = cost_of(hash);
  if (!known || known->work() >= cost_.work()) return {};
  return hash_password(password, cost_).value_or("");
}

}  // namespace stsfs::vend
