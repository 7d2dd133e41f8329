#include "raw_request.h"

#include <linux/fuse.h>

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace stsfs::fuse {
namespace {

template <class Body>
std::vector<std::byte> request(std::uint32_t opcode, const Body& body) {
  fuse_in_header header{};
  header.opcode = opcode;
  std::vector<std::byte> out(sizeof(header) + sizeof(body));
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + sizeof(header), &body, sizeof(body));
  return out;
}

TEST(RawRequest, OnlyInitOffersFlags) {
  fuse_init_in init{};
  init.flags = FUSE_PARALLEL_DIROPS | FUSE_INIT_EXT;
  init.flags2 = 1U << 4;
  EXPECT_EQ(init_flags_offered(request(FUSE_INIT, init)),
            FUSE_PARALLEL_DIROPS | std::uint64_t{FUSE_INIT_EXT} | std::uint64_t{1} << 36);
  EXPECT_EQ(init_flags_offered(request(FUSE_WRITE, init)), 0U);
  EXPECT_EQ(init_flags_offered({}), 0U);
}

TEST(RawRequest, TheSecondWordOfAnOldKernelIsNoise) {
  fuse_init_in init{};
  init.flags = FUSE_PARALLEL_DIROPS;
  init.flags2 = ~0U;
  EXPECT_EQ(init_flags_offered(request(FUSE_INIT, init)), std::uint64_t{FUSE_PARALLEL_DIROPS});
}

TEST(RawRequest, OnlyWhatWasOfferedIsAskedFor) {
  fuse_init_out reply{};
  const std::span bytes(reinterpret_cast<std::byte*>(&reply), sizeof(reply));
  patch_init_reply(bytes, FUSE_PARALLEL_DIROPS);
  EXPECT_EQ(reply.flags, std::uint32_t{FUSE_PARALLEL_DIROPS});
  EXPECT_EQ(reply.flags2, 0U);
  patch_init_reply(bytes, std::uint64_t{1} << 36);
  EXPECT_EQ(reply.flags2, 1U << 4);
  EXPECT_NE(reply.flags & FUSE_INIT_EXT, 0U);
}

TEST(RawRequest, AReplyOfAnotherSizeIsLeftAlone) {
  std::vector<std::byte> body(24);
  patch_init_reply(body, ~std::uint64_t{0});
  EXPECT_EQ(body, std::vector<std::byte>(24));
}

TEST(RawRequest, TheKernelsWishToClearSetIdIsSeen) {
  fuse_write_in write{};
  EXPECT_FALSE(asks_to_kill_set_id(request(FUSE_WRITE, write)));
  write.write_flags = FUSE_WRITE_KILL_SUIDGID;
  EXPECT_TRUE(asks_to_kill_set_id(request(FUSE_WRITE, write)));
  EXPECT_FALSE(asks_to_kill_set_id(request(FUSE_READ, write)));
  fuse_setattr_in setattr{};
  setattr.valid = FATTR_SIZE | FATTR_KILL_SUIDGID;
  EXPECT_TRUE(asks_to_kill_set_id(request(FUSE_SETATTR, setattr)));
}

}  // namespace
}  // namespace stsfs::fuse
