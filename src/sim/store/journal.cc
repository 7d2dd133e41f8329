// A record is: length (4 bytes), CRC-64 of the payload (8 bytes), payload (MessagePack), in the
// machine's byte order. A change of several keys is one record, so that a rename of a tree is there
// whole or not at all.

#include "journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bucket.h"
#include "journal_record.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

constexpr std::string_view kMagic = "stsfs-sim journal 1\n";
constexpr std::size_t kHeadSize = 12;
constexpr std::size_t kRecordMax = std::size_t{1} << 30;

std::string packed(const json& record) {
  std::string out;
  json::to_msgpack(record, out);
  return out;
}

std::string framed(const std::string& payload) {
  const auto length = static_cast<std::uint32_t>(payload.size());
  const std::uint64_t crc = crc64(0, as_bytes(payload));
  std::string out(kHeadSize, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  std::memcpy(out.data() + sizeof length, &crc, sizeof crc);
  return out += payload;
}

/// The payload of the record at `offset`; empty when it is torn or the journal ends there.
Result<std::string> read_record(int fd, std::uint64_t offset) {
  std::array<std::byte, kHeadSize> head{};
  const auto got = pread_full(fd, head, offset);
  if (!got) return fail(got.error());
  if (*got != kHeadSize) return "";
  std::uint32_t length = 0;
  std::uint64_t crc = 0;
  std::memcpy(&length, head.data(), sizeof length);
  std::memcpy(&crc, head.data() + sizeof length, sizeof crc);
  if (length == 0 || length > kRecordMax) return "";
  std::string payload(length, '\0');
  const auto body = pread_full(fd, {reinterpret_cast<std::byte*>(payload.data()), payload.size()},
                               offset + kHeadSize);
  if (!body) return fail(body.error());
  if (*body != length || crc64(0, as_bytes(payload)) != crc) return "";
  return payload;
}

/// Carries one record out.
void apply(const json& record, RecordReader& reader, Journal::Buckets& buckets, Journal* journal) {
  if (const auto made = record.find("bucket"); made != record.end()) {
    WallTime created{};
    BucketOptions options = reader.bucket(*made, created);
    auto& bucket = buckets[options.name];
    if (!bucket) {
      const std::string name = options.name;
      bucket = std::make_shared<Bucket>(std::move(options), created, journal);
    } else {
      bucket->restore(options);
    }
    return;
  }
  const std::string name = record.at("in");
  if (record.contains("gone")) {
    buckets.erase(name);
    return;
  }
  Bucket& bucket = *buckets.at(name);
  if (const auto upload = record.find("upload"); upload != record.end())
    bucket.restore(reader.upload(*upload));
  if (const auto part = record.find("part"); part != record.end())
    bucket.restore_part(part->at(0), part->at(1), part->at(2), reader.part(part->at(3)));
  if (const auto keys = record.find("keys"); keys != record.end())
    for (const json& key : *keys)
      bucket.restore(key.at(0).get<std::string>(), reader.versions(key.at(1)));
  if (const auto ended = record.find("ended"); ended != record.end())
    bucket.forget_upload(ended->at(0), ended->at(1));
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::string& directory,
                                               std::shared_ptr<Storage> storage) {
  UniqueFd lock(::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fail_errno("open " + printable(directory) + "/lock");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::kBusy, printable(directory) + " is used by another simulator");
  return std::unique_ptr<Journal>(new Journal(directory, std::move(storage), std::move(lock)));
}

Result<Journal::Buckets> Journal::read() {
  Buckets buckets;
  RecordReader reader(storage_);
  if (auto done = replay(reader, buckets); !done) return fail(std::move(done.error()));
  if (auto done = begin_afresh(buckets); !done)
    return fail(std::move(done.error()), "write the journal afresh");
  // Only now: until then the old journal may be read again, and it names what has gone since.
  storage_->keep_only(reader.places());
  return buckets;
}

Result<void> Journal::replay(RecordReader& reader, Buckets& buckets) {
  const UniqueFd fd(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return fail_errno("open " + printable(path()));
  std::string magic(kMagic.size(), '\0');
  const auto got =
      pread_full(fd.get(), {reinterpret_cast<std::byte*>(magic.data()), magic.size()}, 0);
  if (!got || magic != kMagic)
    return fail(Errc::kCorrupt, printable(path()) + " is no journal of this simulator");
  for (std::uint64_t at = kMagic.size();;) {
    auto payload = read_record(fd.get(), at);
    if (!payload) return fail(std::move(payload.error()), "read " + printable(path()));
    if (payload->empty()) return {};
    try {
      apply(json::from_msgpack(*payload), reader, buckets, this);
    } catch (const std::exception& problem) {
      return fail(Errc::kCorrupt,
                  printable(path()) + ", at byte " + std::to_string(at) + ": " + problem.what());
    }
    at += kHeadSize + payload->size();
  }
}

Result<void> Journal::begin_afresh(const Buckets& buckets) {
  const std::string fresh = path() + ".new";
  UniqueFd fd(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("create " + printable(fresh));
  if (auto written = pwrite_full(fd.get(), as_bytes(kMagic), 0); !written) return written;
  {
    MutexLock lock(mutex_);
    fd_ = std::move(fd);
    size_ = kMagic.size();
  }
  Result<void> all;
  const auto note = [&](Result<void> one) {
    if (all && !one) all = std::move(one);
  };
  for (const auto& [name, bucket] : buckets) {
    note(this->bucket(bucket->options(), bucket->created()));
    const std::string in = name;
    bucket->visit(
        [&](const std::string& key, const Versions& versions) {
          note(keys(in, {{key, versions}}, {}));
        },
        [&](const Upload& one) { note(upload(in, one)); });
  }
  if (!all) return all;
  if (rename(fresh.c_str(), path().c_str()) != 0) return fail_errno("rename " + printable(fresh));
  return {};
}

Result<void> Journal::append(const std::string& payload) {
  const std::string record = framed(payload);
  if (payload.size() > kRecordMax) return fail(Errc::kTooLarge, "a change is too large to record");
  MutexLock lock(mutex_);
  if (auto written = pwrite_full(fd_.get(), as_bytes(record), size_); !written) return written;
  size_ += record.size();
  return {};
}

Result<void> Journal::bucket(const BucketOptions& options, WallTime created) {
  return append(packed({{"bucket", to_record(options, created)}}));
}

Result<void> Journal::bucket_gone(const std::string& bucket) {
  return append(packed({{"in", bucket}, {"gone", true}}));
}

Result<void> Journal::keys(const std::string& bucket,
                           const std::vector<std::pair<std::string, Versions>>& keys,
                           const std::optional<std::pair<std::string, std::string>>& ended_upload) {
  json record{{"in", bucket}, {"keys", json::array()}};
  for (const auto& [key, versions] : keys)
    record["keys"].push_back(json::array({key, to_record(versions)}));
  if (ended_upload) record["ended"] = json::array({ended_upload->first, ended_upload->second});
  return append(packed(record));
}

Result<void> Journal::upload(const std::string& bucket, const Upload& upload) {
  return append(packed({{"in", bucket}, {"upload", to_record(upload)}}));
}

Result<void> Journal::part(const std::string& bucket, const std::string& key, const std::string& id,
                           int number, const UploadedPart& part) {
  return append(
      packed({{"in", bucket}, {"part", json::array({key, id, number, to_record(part)})}}));
}

}  // namespace stsfs::sim
