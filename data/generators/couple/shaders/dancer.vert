#version 330
in vec3 position;
in vec3 normal;
in vec3 rest;
in float cut;
in float material;
in vec3 colour;
uniform mat4 view;
uniform float mirror;
out vec3 world;
out vec3 world_normal;
out vec3 surface;
out float cut_value;
flat out int material_code;
out vec3 base_colour;

void main() {
    vec3 flip = vec3(1, mirror, 1);
    world = position * flip;
    world_normal = normal * flip;
    surface = rest;
    cut_value = cut;
    material_code = int(material + .5);
    base_colour = colour;
    gl_Position = view * vec4(world, 1);
}
