// Random changes of names of a few files, hard links among them, by two mounts of one folder, and
// in half of the runs one of them is killed at a random request. The reference is a map of names.
// STSFS_MODEL_SEED repeats a run.

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <future>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "model/seeded_runs.h"
#include "stsfs/base/text.h"
#include "stsfs/fs/mounted_folder.h"
#include "support/temporary_directory.h"

namespace stsfs::fs {
namespace {

constexpr int kSteps = 50;  // of one to four operations

class LinksModel {
 public:
  LinksModel(std::uint64_t seed, bool kills)
      : random_(seed),
        kills_(kills),
        executor_(seed),
        store_(clock_, executor_),
        scheduler_(clock_) {
    for (Client& client : clients_) {
      client.faulty = std::make_unique<fakes::FaultyStore>(store_, &scheduler_);
      client.options.prefix = "users/alice/";
      client.options.hard_links = true;
      client.options.staging_directory =
          directory_.path() + "/" + std::to_string(&client - clients_.data());
      client.options.fresh =
          client.options.open_fresh = {};  // the other's changes are seen at once
      begin(client);
    }
  }
  ~LinksModel() {
    for (Client& client : clients_) client.folder->stop();
  }

  void run() {
    ASSERT_TRUE(clients_[0].folder->mkdir(context(), InodeNumber::kRoot, "dir", 0755));
    for (int i = 0; i < kSteps && !::testing::Test::HasFatalFailure(); ++i) {
      Client& client = clients_[below(clients_.size())];
      if (kills_ && below(6) == 0) client.faulty->die_at(1 + below(14), below(2) == 0, killed_);
      touched_.clear();
      before_.clear();
      // Several at once: what a link begins the next may end before OSS has heard of it.
      std::string what;
      for (std::uint64_t steps = 1 + below(4); steps > 0 && !client.faulty->died(); --steps)
        what += step(client) + "; ";
      SCOPED_TRACE("step " + std::to_string(i) + ": " + what);
      if (::testing::Test::HasFatalFailure()) return;
      const bool acknowledged = !client.faulty->died();
      if (kills_ && below(8) == 0 && acknowledged)
        client.faulty->die_at(1, below(2) == 0, killed_);  // with nothing done behind the journal
      const bool drained = drain(client);
      if (client.faulty->died() || !drained) {
        ASSERT_TRUE(kills_);
        start_again(client);
        if (::testing::Test::HasFatalFailure()) return;
        if (!acknowledged) believe(client);
      }
      client.faulty->heal();
      compare(clients_[below(clients_.size())]);
    }
    if (!::testing::Test::HasFatalFailure()) remove_all();
  }

 private:
  struct Client {
    std::unique_ptr<fakes::FaultyStore> faulty;
    FolderOptions options;
    std::unique_ptr<MountedFolder> folder;
  };
  using Name = std::pair<std::string, std::string>;  // directory, "" for the root; and name

  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }
  Context context() { return {.deadline = Deadline::in(clock_, std::chrono::hours(1))}; }
  void begin(Client& client) {
    client.folder = MountedFolder::make(*client.faulty, scheduler_, clock_, client.options).value();
  }
  bool drain(Client& client) {
    return client.folder->drain(Deadline::in(clock_, std::chrono::hours(1))).has_value();
  }
  void start_again(Client& client) {
    client.folder->stop();
    client.folder.reset();
    client.faulty->heal();
    begin(client);
    client.folder->resume();
    ASSERT_TRUE(drain(client));
    was_killed_ = true;
  }

  Name any_name() {
    return {below(3) == 0 ? "dir" : "", std::string(1, static_cast<char>('a' + below(5)))};
  }
  static std::string shown(const Name& name) {
    return name.first.empty() ? name.second : name.first + "/" + name.second;
  }
  Result<InodeNumber> directory_of(Client& client, const Name& name) {
    if (name.first.empty()) return InodeNumber::kRoot;
    auto entry = client.folder->lookup(context(), InodeNumber::kRoot, name.first);
    if (!entry) return fail(entry.error());
    return entry->attributes.inode;
  }
  Result<Entry> find(Client& client, const Name& name) {
    auto parent = directory_of(client, name);
    if (!parent) return fail(parent.error());
    return client.folder->lookup(context(), *parent, name.second);
  }

  std::string step(Client& client) {
    const Name name = any_name();
    const Name other = any_name();
    touched_.insert(touched_.end(), {name, other});
    switch (below(6)) {
      case 0:
        return write(client, name);
      case 1:
      case 2:
        return link(client, name, other);
      case 3:
        return unlink(client, name);
      case 4:
        return rename(client, name, other, RenameMode::kReplace);
      default:
        return rename(client, name, other, RenameMode::kExchange);
    }
  }

  /// As the kernel does: on ESTALE it looks the name up anew.
  template <class Call>
  static auto retried(Call call) {
    auto first = call();
    return first || first.error().code != Errc::kStale ? first : call();
  }

  /// What a call returned may be anything once the client was killed.
  void expect(Client& client, bool was_done, bool right) {
    if (!client.faulty->died()) {
      ASSERT_EQ(was_done, right);
    }
  }

  std::string write(Client& client, const Name& name) {
    const std::string text = "text " + std::to_string(++texts_);
    const bool there = names_.contains(name);
    const int file = there ? names_[name] : ++files_;
    if (there) before_[contents_[file]] = file;
    const auto parent = directory_of(client, name);
    bool done = false;
    if (parent) {
      auto made = retried([&] {
        return client.folder->create(context(), *parent, name.second, 0644,
                                     O_WRONLY | O_CREAT | O_TRUNC);
      });
      if (made) {
        const auto written =
            client.folder->write(context(), made->second.handle, as_bytes(text), 0);
        std::promise<bool> flushed;
        client.folder->flush(
            context(), made->second.handle, [](pid_t) { return false; },
            [&](Result<void> result) { flushed.set_value(result.has_value()); });
        done = flushed.get_future().get() && written.has_value();
        client.folder->release(made->second.handle);
      }
    }
    expect(client, done, true);
    names_[name] = file;
    contents_[file] = text;
    return "write " + shown(name);
  }

  std::string link(Client& client, const Name& from, const Name& to) {
    const bool right = names_.contains(from) && !names_.contains(to);
    const auto inode = find(client, from);
    const auto parent = directory_of(client, to);
    bool done = false;
    if (inode && parent)
      done =
          client.folder->link(context(), inode->attributes.inode, *parent, to.second).has_value();
    expect(client, done, right);
    if (right) names_[to] = names_[from];
    return "link " + shown(from) + " " + shown(to);
  }

  std::string unlink(Client& client, const Name& name) {
    const auto parent = directory_of(client, name);
    const bool done =
        parent && retried([&] { return client.folder->unlink(context(), *parent, name.second); });
    expect(client, done, names_.contains(name));
    names_.erase(name);
    return "unlink " + shown(name);
  }

  std::string rename(Client& client, const Name& from, const Name& to, RenameMode mode) {
    const bool exchange = mode == RenameMode::kExchange;
    const bool right = names_.contains(from) && (!exchange || names_.contains(to));
    const auto parent = directory_of(client, from);
    const auto new_parent = directory_of(client, to);
    const bool done = parent && new_parent && retried([&] {
                        return client.folder->rename(context(), *parent, from.second, *new_parent,
                                                     to.second, mode);
                      });
    expect(client, done, right);
    if (right && exchange) {
      std::swap(names_[from], names_[to]);
    } else if (right && names_.contains(to) && names_[to] == names_[from]) {
      // two names of one file: both stay
    } else if (right) {
      names_[to] = names_[from];
      names_.erase(from);
    }
    return (exchange ? "exchange " : "rename ") + shown(from) + " " + shown(to);
  }

  std::map<Name, std::string> all_there(Client& client) {
    std::map<Name, std::string> out;
    for (const std::string directory : {"", "dir"}) {
      const auto inode = directory_of(client, {directory, ""});
      EXPECT_TRUE(inode);
      if (!inode) continue;
      std::vector<std::string> names;
      auto handle = client.folder->opendir(context(), *inode).value();
      EXPECT_TRUE(client.folder->readdir(context(), handle, 0, [&](const DirectoryEntry& entry) {
        names.emplace_back(entry.name);
        return true;
      }));
      client.folder->releasedir(handle);
      for (const std::string& name : names)
        if (name != "." && name != ".." && name != "dir") out[{directory, name}] = "";
    }
    for (auto& [name, text] : out) text = read(client, name);
    return out;
  }
  std::string read(Client& client, const Name& name) {
    const auto opened = retried([&]() -> Result<Opened> {
      const auto entry = find(client, name);
      if (!entry) return fail(entry.error());
      return client.folder->open(context(), entry->attributes.inode, O_RDONLY);
    });
    if (!opened) return opened.error().message;
    std::promise<std::string> promise;
    client.folder->read(context(), opened->handle, {0, 100},
                        [&](Result<std::span<const std::byte>> got) {
                          promise.set_value(got ? std::string(as_text(*got)) : got.error().message);
                        });
    std::string out = promise.get_future().get();
    client.folder->release(opened->handle);
    return out;
  }

  /// After a kill the names that the operation was about may be as before, as after, or both; what
  /// they lead to must be one of the files.
  void believe(Client& client) {
    const auto there = all_there(client);
    const auto file_with = [&](const std::string& text) {
      for (const auto& [file, content] : contents_)
        if (content == text) return file;
      const auto old = before_.find(text);
      if (old == before_.end()) return 0;
      contents_[old->second] = text;  // the write did not come through
      return old->second;
    };
    for (const auto& [name, text] : there) {
      const bool untouched = std::find(touched_.begin(), touched_.end(), name) == touched_.end();
      ASSERT_FALSE(name.second.starts_with(".stsfs-exchange")) << shown(name);
      if (untouched) continue;
      const int file = file_with(text);
      // A file whose creation was cut off may be empty, or not there.
      ASSERT_TRUE(file != 0) << shown(name) << ": " << text;
      names_[name] = file;
    }
    for (const Name& name : touched_)
      if (!there.contains(name)) names_.erase(name);
    remove_doubles(client);
  }
  /// Of a file with one name a rename that was cut off leaves two files with equal contents.
  void remove_doubles(Client& client) {
    std::map<int, InodeNumber> inodes;
    std::vector<Name> doubles;
    for (auto at = names_.rbegin(); at != names_.rend(); ++at) {
      const auto entry = find(client, at->first);
      ASSERT_TRUE(entry) << shown(at->first);
      const auto known = inodes.emplace(at->second, entry->attributes.inode);
      if (known.first->second != entry->attributes.inode) doubles.push_back(at->first);
    }
    for (const Name& name : doubles) {
      ASSERT_TRUE(
          client.folder->unlink(context(), directory_of(client, name).value(), name.second));
      names_.erase(name);
    }
    ASSERT_TRUE(drain(client));
  }

  void compare(Client& client) {
    std::map<Name, std::string> wanted;
    std::map<int, std::uint32_t> counts;
    for (const auto& [name, file] : names_) {
      wanted[name] = contents_[file];
      ++counts[file];
    }
    ASSERT_EQ(all_there(client), wanted);
    std::map<int, InodeNumber> inodes;
    for (const auto& [name, file] : names_) {
      const auto entry = find(client, name);
      ASSERT_TRUE(entry) << shown(name);
      if (!was_killed_) {
        ASSERT_EQ(entry->attributes.link_count, counts[file]) << shown(name);
      } else {
        ASSERT_GE(entry->attributes.link_count, counts[file]) << shown(name);
      }
      if (!inodes.contains(file)) inodes[file] = entry->attributes.inode;
      ASSERT_EQ(entry->attributes.inode, inodes[file]) << shown(name);
    }
  }

  /// One by one, and the others stay what they are; then nothing is left.
  void remove_all() {
    while (!names_.empty()) {
      auto at = names_.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(below(names_.size())));
      const Name name = at->first;
      Client& client = clients_[below(clients_.size())];
      const auto parent = directory_of(client, name);
      ASSERT_TRUE(parent);
      ASSERT_TRUE(retried([&] { return client.folder->unlink(context(), *parent, name.second); }))
          << shown(name);
      names_.erase(name);
      ASSERT_TRUE(drain(client));
      compare(clients_[below(clients_.size())]);
      if (::testing::Test::HasFatalFailure()) return;
    }
    if (was_killed_) return;
    ASSERT_EQ(store_.keys(), std::vector<std::string>{"users/alice/dir/"});
  }

  std::mt19937_64 random_;
  const bool kills_;
  const Error killed_{Errc::kUnavailable, "killed", {}};
  stsfs::testing::TemporaryDirectory directory_;
  fakes::FakeClock clock_;
  fakes::LoopExecutor executor_;
  fakes::FakeObjectStore store_;
  fakes::FakeScheduler scheduler_;
  std::array<Client, 2> clients_;
  bool was_killed_ = false;

  std::map<Name, int> names_;            // and which file each leads to
  std::map<int, std::string> contents_;  // no two are equal
  int files_ = 0;
  int texts_ = 0;
  std::vector<Name> touched_;          // by the last operations
  std::map<std::string, int> before_;  // what their writes were to replace, and in which file
};

class LinksOfTwoMounts : public ::testing::TestWithParam<bool> {};

TEST_P(LinksOfTwoMounts, AgreeWithAMapOfNames) {
  run_seeded({.usual = 8, .full = 100, .one_in_sanitized = 4},
             [](std::uint64_t seed) { LinksModel(seed, GetParam()).run(); });
}

INSTANTIATE_TEST_SUITE_P(Kills, LinksOfTwoMounts, ::testing::Bool(),
                         [](const auto& with) { return with.param ? "WithKills" : "Without"; });

}  // namespace
}  // namespace stsfs::fs
